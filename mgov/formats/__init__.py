"""How others read and write it: pure text in, text out."""
