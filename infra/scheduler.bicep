// The journal of the orchestrations. It has no keys at all.

param location string
param token string
param tags object

resource scheduler 'Microsoft.DurableTask/schedulers@2025-11-01' = {
  name: 'dts-${token}'
  location: location
  tags: tags
  properties: {
    ipAllowlist: ['0.0.0.0/0']
    sku: { name: 'Consumption' }
  }

  resource hub 'taskHubs' = { name: 'sana' }
}

output name string = scheduler.name
output endpoint string = scheduler.properties.endpoint
