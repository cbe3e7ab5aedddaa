const http = require("http");

const port = process.env.PORT || 4000;
http.createServer((_, answer) => answer.end("nodemon")).listen(port);
