"""The shell: what a user types, and what comes back."""
