"""Login providers: the servers that confirm who a user is. One file for each kind, imported when it is used."""
