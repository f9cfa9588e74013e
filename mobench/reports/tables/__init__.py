"""From a leaderboard to tables: columns, presets, file formats."""
