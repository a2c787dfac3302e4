"""Pupils' records as the endpoints of SS 12000:2020 deliver them, from files or a live source."""
