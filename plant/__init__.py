"""What is measured and what follows from it; knows no database and no web."""
