"""What a person looks at: figures with units, tables, frames and pictures, made from plain data alone."""
