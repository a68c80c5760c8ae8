// Lists tools and calls them, as an agent's client does. `agent.mjs GENERATION TRANSPORT CALLS`, where CALLS is JSON: a list of
// { name, arguments }. The transport is a URL, with the token in TOKEN, or JSON: { command, args, env }.
import process from 'node:process'

const [generation, place, calls] = process.argv.slice(2)
const { Client, Http, Stdio } = await {
  first: async () => ({
    Client: (await import('@modelcontextprotocol/sdk/client/index.js')).Client,
    Http: (await import('@modelcontextprotocol/sdk/client/streamableHttp.js')).StreamableHTTPClientTransport,
    Stdio: (await import('@modelcontextprotocol/sdk/client/stdio.js')).StdioClientTransport
  }),
  second: async () => {
    const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client')
    const { StdioClientTransport } = await import('@modelcontextprotocol/client/stdio')
    return { Client, Http: StreamableHTTPClientTransport, Stdio: StdioClientTransport }
  }
}[generation]()

const headers = { authorization: `Bearer ${process.env.TOKEN}` }
const transport = place.startsWith('http')
  ? new Http(new URL(place), { requestInit: { headers } })
  : new Stdio({ ...JSON.parse(place), stderr: 'ignore' })
const client = new Client({ name: 'a test', version: '1' })
await client.connect(transport)
const { tools } = await client.listTools()
const results = []
for (const call of JSON.parse(calls)) {
  const heard = []
  const onprogress = ({ message }) => heard.push(message)
  const result = generation === 'first'
    ? await client.callTool(call, undefined, { onprogress })
    : await client.callTool(call, { onprogress })
  results.push({ ...result, heard })
}
process.stdout.write(JSON.stringify({ server: client.getServerVersion(), tools, results }))
await client.close()
