"""The pool's SQL database: schema, migrations and guarded writes. The only package that imports SQLAlchemy."""
