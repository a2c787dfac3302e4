"""Who is predicted for, when, and what came of it: eligibility, outcomes and splits."""
