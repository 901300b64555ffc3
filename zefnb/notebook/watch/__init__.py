"""The live table: its rows, its views in browsers and terminals, and the channel between them and the loop."""
