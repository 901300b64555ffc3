"""The programs under test: small servers, each started as its own process."""
