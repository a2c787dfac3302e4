"""Why a risk is what it is: exact contributions, and reasons in words."""
