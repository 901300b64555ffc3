"""The line after `%zef`: how it is split, parsed and completed."""
