"""Features at prediction dates: their specifications, the compiler and the catalogue."""
