"""Early-warning risk analytics for schools: features, models, audits and screening lists."""

__version__ = "0.1.0"
