"""An adapter without a command."""
