"""Text of a great many numbers at once, as arrays of letters."""
