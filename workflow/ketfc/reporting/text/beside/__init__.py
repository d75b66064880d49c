"""What stands beside the tests: reliability, shrunken estimates, who came back."""
