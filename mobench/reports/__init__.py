"""From records to leaderboards and tables."""
