"""What people's answers teach: lessons for the library, propagation, and estimates."""
