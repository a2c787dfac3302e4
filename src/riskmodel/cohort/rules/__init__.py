"""What final grades lead to by Swedish law: versioned rules as data, and how they are applied."""
