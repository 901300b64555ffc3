"""Links: the addresses under which a browser reaches the servers, on this machine or behind a proxy."""
