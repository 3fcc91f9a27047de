// Two accounts, because the Functions host must own all blobs of its own: packages, leases and keys in one, data in the other.

param location string
param token string
param tags object

@description('Subnets that alone may reach the accounts. Empty for everybody with a role.')
param subnets string[]

var closed = {
  accessTier: 'Hot'
  allowBlobPublicAccess: false
  allowCrossTenantReplication: false
  allowSharedKeyAccess: false
  defaultToOAuthAuthentication: true
  minimumTlsVersion: 'TLS1_2'
  supportsHttpsTrafficOnly: true
  publicNetworkAccess: 'Enabled'
  networkAcls: {
    bypass: 'AzureServices'
    defaultAction: empty(subnets) ? 'Allow' : 'Deny'
    virtualNetworkRules: map(subnets, subnet => { id: subnet, action: 'Allow' })
  }
}

resource host 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: 'sthost${token}'
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: closed

  resource blobs 'blobServices' = {
    name: 'default'

    resource deployments 'containers' = { name: 'deployments' }
  }
}

resource data 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: 'stdata${token}'
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: closed

  resource blobs 'blobServices' = {
    name: 'default'
    properties: { deleteRetentionPolicy: { enabled: true, days: 7 } }

    resource sana 'containers' = { name: 'sana' }
    resource inbox 'containers' = { name: 'inbox' }
    resource weights 'containers' = { name: 'weights' }
  }
}

output host string = host.name
output data string = data.name
output blobEndpoint string = data.properties.primaryEndpoints.blob
output deployments string = '${host.properties.primaryEndpoints.blob}${host::blobs::deployments.name}'
