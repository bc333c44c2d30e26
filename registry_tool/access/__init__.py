"""Who may do what through a server: subjects, their scopes by namespace, tokens, OpenID Connect."""
