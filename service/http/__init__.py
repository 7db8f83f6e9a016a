"""The outside face over HTTP: one module a resource, its schemas beside it; every module's `blueprint` is served."""
