"""FastAPI + pydantic + SQLAlchemy ORM, in the five files the document names."""
