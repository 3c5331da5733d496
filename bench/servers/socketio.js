// Rooms of socket.io, in memory: node socketio.js PORT
const http = require('http').createServer();
const {Server} = require('socket.io');

const server = new Server(http, {pingInterval: 60000, perMessageDeflate: false});
let seq = 0;

server.on('connection', client => {
  const {room} = client.handshake.query;
  client.join(room);
  client.on('message', ({content, client_msg_id}) => {
    seq += 1;
    server.to(room).emit('message', {
      from: client.id, nickname: client.id, content, is_admin: false, message_id: seq, seq,
      created_at: Math.floor(Date.now() / 1000), client_msg_id,
    });
  });
});
http.listen({port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096});
