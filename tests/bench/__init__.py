"""How fast hubd is, beside what people use without it."""
