"""Ways in: from what a sender puts into a request to statements."""
