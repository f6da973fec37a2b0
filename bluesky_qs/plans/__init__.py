"""Plans and devices as the manager knows them: their descriptions, the permissions, and checks of plan arguments."""
