"""Open Badges 3.0: documents, proofs, keys, status lists, and the issuing that brings them together."""
