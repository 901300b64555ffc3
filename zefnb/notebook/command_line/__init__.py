"""The line after `%zef`: its words, and the commands that parse them."""
