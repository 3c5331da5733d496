// The rooms protocol in memory, on Node's ws: node rooms.js PORT
const {WebSocketServer} = require('ws');

const server = new WebSocketServer({
  port: Number(process.argv[2]), host: '127.0.0.1', perMessageDeflate: false, backlog: 4096,
});
const rooms = new Map();
let messageId = 0;

const frame = (type, payload) => JSON.stringify({type, payload});

server.on('connection', (client, request) => {
  const url = new URL(request.url, 'http://localhost');
  const user = url.searchParams.get('user_id');
  let room = rooms.get(url.pathname);
  if (!room) rooms.set(url.pathname, room = {seq: 0, members: new Set()});
  room.members.add(client);
  client.send(frame('WelcomeInfo', {user_id: user, nickname: user, last_seq: room.seq}));

  client.on('message', text => {
    const {type, payload} = JSON.parse(text);
    if (type !== 'SendMessage') return;
    const {content, client_msg_id} = payload;
    const ids = {message_id: ++messageId, seq: ++room.seq};
    const message = frame('Message', {
      from: user, nickname: user, content, is_admin: false, ...ids,
      created_at: Math.floor(Date.now() / 1000), client_msg_id,
    });
    for (const member of room.members) if (member.readyState === 1) member.send(message);
    client.send(frame('Ack', {client_msg_id, ...ids, duplicate: false}));
  });
  client.on('close', () => room.members.delete(client));
});
