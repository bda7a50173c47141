"""What others offer for the same work: each module measures one of them, over its own bare application."""
