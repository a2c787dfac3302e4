"""A synthetic region with known truth: extracts as a region would deliver them, and true risks."""
