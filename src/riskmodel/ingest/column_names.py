"""Names of the columns that tie identifiers to persons while the extracts are open."""

from __future__ import annotations

SUBJECT = "subject_id"
"""The pseudonym."""

RESERVED = "ingest__"
"""Begins the names that no extract may use."""

RAW = RESERVED + "raw"
"""An identifier as it stands in an extract."""

IDENTITY = RESERVED + "identity"
"""The normal form of the person's last identity; null where it is not valid."""

KIND = RESERVED + "kind"
"""What the identifier turned out to be."""

IS_CURRENT = RESERVED + "is_current"
"""Whether no later identity of that person stands in the table of persons."""

IS_PERSON = RESERVED + "is_person"
"""Whether that identity stands in the table of persons."""

IS_PROTECTED = RESERVED + "is_protected"
"""Whether that person has a protected identity."""

RANK = RESERVED + "rank"
"""The place of a pseudonym among all, in alphabetical order."""

IDENTITIES = RESERVED + "identities"
"""The engine's table of identifiers."""

SUBJECTS = RESERVED + "subjects"
"""The engine's table of identifiers with their pseudonyms; for a source with a key of its own,
followed by the source's name."""
