"""Tests of what people on the same network see: certificates in a real browser, links and QR codes."""
