"""People around the case: who I am, where I live, what I belong to, who may do what."""
