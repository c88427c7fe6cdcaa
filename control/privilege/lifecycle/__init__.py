"""The life of accounts: asked for in writing, carried out by its legal clock, told to the unit when done."""
