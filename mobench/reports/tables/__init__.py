"""Tables of a leaderboard: columns, presets and file formats."""
