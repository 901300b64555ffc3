"""The programs under test: each a small server of its own make, started as a process of its own."""
