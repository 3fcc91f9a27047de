// The gpu app's image. No administrator: the app pulls with its identity, azd builds and pushes as whoever deploys.

param location string
@minLength(13)
param token string
param tags object

resource registry 'Microsoft.ContainerRegistry/registries@2025-04-01' = {
  name: 'cr${token}'
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: { adminUserEnabled: false, anonymousPullEnabled: false }
}

output name string = registry.name
output endpoint string = registry.properties.loginServer
