"""What the columns of rows mean, in whichever SQL database they are: no driver is known here."""
