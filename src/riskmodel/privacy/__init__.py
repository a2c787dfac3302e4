"""Keys, identities, pseudonyms, disclosure control and the scan for what slipped through."""
