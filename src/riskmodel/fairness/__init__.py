"""Assessing who is missed and who is alarmed about in vain, and how surely it is known."""
