"""Reading extracts, checking them against the data contract, and replacing identifiers."""
