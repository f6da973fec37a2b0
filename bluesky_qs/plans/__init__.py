"""Plans and devices as the manager knows them: descriptions, permissions, and checks of a plan's arguments."""
