"""Speed, measured as ratios inside one run: machines differ and are noisy, ratios less so."""
