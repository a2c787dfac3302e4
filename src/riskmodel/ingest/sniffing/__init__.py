"""Looking at the beginning of extracts, to propose what they are and how they are written."""
