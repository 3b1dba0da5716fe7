"""What is held against decisions and rulings."""
