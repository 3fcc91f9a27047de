// Optional: both apps in one network, storage reached by service endpoints. The bus stays on its public endpoint, which takes identities only: closing it needs its Premium tier.

param location string
param token string
param tags object

resource network 'Microsoft.Network/virtualNetworks@2024-07-01' = {
  name: 'vnet-${token}'
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: ['10.40.0.0/16'] }
    subnets: [
      {
        name: 'flex'
        properties: {
          addressPrefix: '10.40.0.0/24'
          delegations: [{ name: 'flex', properties: { serviceName: 'Microsoft.App/environments' } }]
          serviceEndpoints: [{ service: 'Microsoft.Storage' }]
        }
      }
      {
        name: 'containers'
        properties: {
          addressPrefix: '10.40.2.0/23'
          delegations: [{ name: 'containers', properties: { serviceName: 'Microsoft.App/environments' } }]
          serviceEndpoints: [{ service: 'Microsoft.Storage' }]
        }
      }
    ]
  }

  resource flex 'subnets' existing = { name: 'flex' }
  resource containers 'subnets' existing = { name: 'containers' }
}

output flex string = network::flex.id
output containers string = network::containers.id
output subnets string[] = [network::flex.id, network::containers.id]
