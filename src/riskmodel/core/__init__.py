"""Time, schema, validation, randomness, files and provenance: what every stage stands on."""
