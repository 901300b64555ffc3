"""The picture: boxes and arrows for everything that runs, in browsers, terminals and saved notebooks."""
