"""What is told of the present: messages, and the page to leave open."""
